from elspy import execontent_simple


def local_scan (info, headers, fd):
    execontent_simple.local_scan(info, headers, fd)
