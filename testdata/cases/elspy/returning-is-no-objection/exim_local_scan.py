def local_scan (info, headers, fd):
    return "looks fine"
