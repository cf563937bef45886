import email.Header
from elspy import RejectMessage


def local_scan (info, headers, fd):
    subject = headers.get('subject')
    if subject is None:
        return
    header = email.Header.make_header(email.Header.decode_header(subject))
    if unicode(header).strip().upper().startswith('ADV:'):
        raise RejectMessage("advertisements are not wanted here")
