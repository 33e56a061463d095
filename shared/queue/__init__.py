"""Jobs through Redis Streams: submit, take, renew, finish, take over."""
