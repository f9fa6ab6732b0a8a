"""Users moved in and out: files of accounts, read and written as streams, whatever their length."""
