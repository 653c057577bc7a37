"""Composite ops: functions of other ops, without rules of their own."""
