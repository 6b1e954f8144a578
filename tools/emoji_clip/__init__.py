"""models/emoji-clip: its architecture, its vocabulary and the loss it is trained with."""
