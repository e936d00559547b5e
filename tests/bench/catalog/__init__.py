"""`make bench-catalog`: how searches and the catalog behind them do as an archive grows."""
