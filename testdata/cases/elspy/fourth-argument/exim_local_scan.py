from elspy import RejectVirus


def local_scan (info, headers, fd, msg=None):
    kinds = [part.get_type() for part in msg.walk()]
    names = [part.get_param('name') for part in msg.walk() if part.get_param('name')]
    text = msg.get_payload(1).get_payload(decode=1)
    if text.startswith('Hello') and kinds[1] == 'text/plain':
        raise RejectVirus("%s is not wanted" % names[0])
