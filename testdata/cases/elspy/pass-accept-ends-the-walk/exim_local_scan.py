from elspy import AcceptMessage


def local_scan (info, headers, fd):
    headers.add('X-Seen', 'yes')
    raise AcceptMessage("a friend")
