def local_scan (info, headers, fd):
    return "%s %s %s %s %s" % (info.sender_address, info.sender_host_name, info.received_protocol,
                               info.sender_host_port, info.interface_port)
