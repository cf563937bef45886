"""Archives of mail: mbox files, Maildir, MH, directories, tar and zip, compressed or not.

`tasks` lists what there is to read, `reading` gives the messages; both as plain data, and neither raises for what is
damaged or cannot be read: it is noted, and the rest is read.
"""
