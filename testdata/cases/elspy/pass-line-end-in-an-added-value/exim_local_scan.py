def local_scan (info, headers, fd):
    headers.add('X-Note', 'one\r\nX-Evil: two')
