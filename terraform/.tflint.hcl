# The rules that come with tflint; it has none for OpenStack.
plugin "terraform" {
  enabled = true
  preset  = "all"
}
