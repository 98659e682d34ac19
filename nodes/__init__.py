"""The stages of a request: decode, admit, route, tool loop, call, translate, meter, encode."""
