import re

def match_recipients (recipient_list, local_parts, domains):
    """(str | [str], str | [str]) : [str]

    Checks whether the given recipient list contains any addresses
    that combine one of the local_parts with one of the domains.
    """
    if isinstance(local_parts, str):
        local_parts = [local_parts]
    if isinstance(domains, str):
        domains = [domains]

    # Construct a regex pattern: (local1|local2)@(domain1|domain2)
    pattern = ('^(' + '|'.join(local_parts) + ')@(' +
               '|'.join(domains) + ')$')
    pattern = re.compile(pattern)
    matches = []
    for addr in recipient_list:
        if pattern.match(addr):
            matches.append(addr)
    return matches

def local_scan (info, headers, fd):
    if match_recipients(info.recipients_list, 'spamtrap', 'example.com'):
        raise RejectMessage("Spam not wanted here")
