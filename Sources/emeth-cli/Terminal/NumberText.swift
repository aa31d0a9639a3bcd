import EmethNetwork

// What pages and terminal both show is written once, in EmethNetwork.

/// Numbers as people read them.
typealias NumberText = EmethNetwork.NumberText

/// How the loss fell during training.
typealias LossCurve = EmethNetwork.LossCurve
