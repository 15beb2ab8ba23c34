"""What several rooms of listkit share; nothing in here knows a component."""
