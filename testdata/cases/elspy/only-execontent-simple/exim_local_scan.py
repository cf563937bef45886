from elspy.execontent_simple import local_scan
