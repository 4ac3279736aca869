"""What the tests of the gate are built on."""
