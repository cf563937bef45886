import os
from elspy import RejectMessage


def local_scan (info, headers, fd):
    body = os.fdopen(fd).read()
    if body.count('419') > 2:
        raise RejectMessage("that offer is too good")
