"""Ops on lists of tensors, made from the ops on one."""
