from elspy import RejectMessage


def local_scan (info, headers, fd):
    subject = headers.get('subject')
    if subject is None:
        return
    if subject.strip().lower().startswith('spam'):
        raise RejectMessage("this is obviously spam")
