"""Load from several processes or machines: one generator each, merged as if one."""
