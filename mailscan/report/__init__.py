"""Pages for people about an archive that was judged: an audit's, a backtest's."""
