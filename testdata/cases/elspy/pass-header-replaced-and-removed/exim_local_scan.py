def local_scan (info, headers, fd):
    headers.replace('X-Loop', 'ours')
    headers.remove('x-junk')
    headers.remove('X-Never-There')
