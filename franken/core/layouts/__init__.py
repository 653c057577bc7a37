"""Layouts beside the strided one."""
