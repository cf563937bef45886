from elspy import spamassassin

spamassassin.REJECT_THRESHOLD = 12.0


def local_scan (info, headers, fd):
    return spamassassin.local_scan(info, headers, fd)
