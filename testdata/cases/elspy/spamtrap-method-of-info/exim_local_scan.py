from elspy import RejectMessage

TRAPS = ['spamtrap']
DOMAINS = ['example.com', 'example.net']


def local_scan (info, headers, fd):
    if info.match_recipients(TRAPS, DOMAINS):
        raise RejectMessage("this address takes no mail")
