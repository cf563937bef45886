import os

from elspy import RejectMessage

def local_scan (info, headers, fd):
    spam_score = 0
    msg = os.fdopen(fd)
    for line in msg.readlines():
        if '419' in line:
            spam_score += 1
    if spam_score > 1:
        raise RejectMessage("score %d" % spam_score)
