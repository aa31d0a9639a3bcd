import EmethKit
import Hummingbird
import NIOCore

/// What goes with one request through the handlers.
struct ServerContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Where the connection comes from; `nil` when it is gone already.
  let remoteAddress: SocketAddress?

  init(source: Source) {
    coreContext = CoreRequestContextStorage(source: source)
    remoteAddress = source.channel.remoteAddress
  }

  /// The address without its port.
  var remoteHost: String { remoteAddress?.ipAddress ?? "local" }

  /// What limits of one address are counted for.
  var network: String { ClientNetwork.name(of: remoteHost) }
}
