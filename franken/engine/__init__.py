"""The backward engine: passes over the graph, custom functions, nodes as users see them."""
