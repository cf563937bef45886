import spf

def local_scan (info, headers, fd):
    response, smtp_code, explanation = \
        spf.check(info.sender_host_address,
                  info.sender_address,
                  info.sender_host_name)

    # Response is one of 'pass', 'deny', 'unknown', 'error'
    if response == 'deny':
        raise RejectMessage(explanation)
