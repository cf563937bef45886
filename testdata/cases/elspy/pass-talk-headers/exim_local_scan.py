def local_scan (info, headers, fd):
    subject = headers.get('subject')
    received = headers.get_all('received')
    headers.add('X-Spam-Ranking', 'DEFINITELY')
