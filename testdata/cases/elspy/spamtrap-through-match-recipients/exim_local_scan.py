from elspy import RejectMessage, match_recipients

TRAPS = ['spamtrap']
DOMAINS = ['example.com', 'example.net']


def local_scan (info, headers, fd):
    if match_recipients(info.recipients_list, TRAPS, DOMAINS):
        raise RejectMessage("this address takes no mail")
