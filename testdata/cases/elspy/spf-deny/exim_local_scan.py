import spf
from elspy import RejectMessage, TempRejectMessage


def local_scan (info, headers, fd):
    (result, code, why) = spf.check(info.sender_host_address, info.sender_address, info.sender_helo_name)
    if result == 'deny':
        raise RejectMessage("SPF: %s may not send for %s" % (info.sender_host_address, info.sender_address))
    if result == 'error':
        raise TempRejectMessage("SPF could not be looked up")
    return "SPF %s" % result
