from elspy import TempRejectMessage


def local_scan (info, headers, fd):
    raise TempRejectMessage("not now\nperhaps tomorrow")
