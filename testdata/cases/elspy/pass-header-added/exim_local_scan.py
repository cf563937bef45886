def local_scan (info, headers, fd):
    hops = headers.get_all('received')
    headers.add('X-Hops', '%d' % len(hops))
    log = open('/dev/null', 'a')
    headers.write(log)
    log.close()
    return "%d hops from %s" % (len(hops), info.sender_host_address)
