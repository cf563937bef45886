from elspy import RejectVirusRelated


def local_scan (info, headers, fd):
    raise RejectVirusRelated
