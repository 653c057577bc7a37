"""How a call is read: numbers, overloads, and results written into `out=`."""
