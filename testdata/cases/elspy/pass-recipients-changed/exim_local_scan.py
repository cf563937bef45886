def local_scan (info, headers, fd):
    info.recipients_list.remove('old@example.com')
    info.recipients_list.append('new@example.com')
