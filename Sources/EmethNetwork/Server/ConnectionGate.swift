import NIOCore
import Synchronization

/// How many connections each address has (``ClientNetwork``), so that none has them all.
final class ConnectionGate: Sendable {
  private let limit: Int
  private let counts = Mutex<[String: Int]>([:])

  init(limit: Int) { self.limit = limit }

  /// Counts a connection in; false when its address has enough.
  func enter(_ address: String) -> Bool {
    let address = ClientNetwork.name(of: address)
    return counts.withLock { counts in
      let count = counts[address, default: 0]
      guard count < limit else { return false }
      counts[address] = count + 1
      return true
    }
  }

  /// Counts a connection out.
  func leave(_ address: String) {
    let address = ClientNetwork.name(of: address)
    counts.withLock { counts in
      let count = counts[address, default: 1] - 1
      counts[address] = count > 0 ? count : nil
    }
  }
}

/// Closes a connection of an address that has too many, and one whose client takes nothing of an answer for
/// a period.
final class ConnectionGateHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = NIOAny
  typealias InboundOut = NIOAny
  typealias OutboundIn = NIOAny
  typealias OutboundOut = NIOAny

  private let gate: ConnectionGate
  private let period: TimeAmount
  private var address: String?
  private var timer: Scheduled<Void>?

  init(gate: ConnectionGate, period: TimeAmount) {
    self.gate = gate
    self.period = period
  }

  func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { enter(context) } }

  func handlerRemoved(context: ChannelHandlerContext) { leave() }

  func channelActive(context: ChannelHandlerContext) {
    enter(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    timer?.cancel()
    timer = nil
    if !context.channel.isWritable {
      timer = context.eventLoop.assumeIsolated().scheduleTask(in: period) { context.close(promise: nil) }
    }
    context.fireChannelWritabilityChanged()
  }

  private func enter(_ context: ChannelHandlerContext) {
    // A socket of the file system has no address: whoever may open it is this machine's own.
    guard address == nil, let name = context.channel.remoteAddress?.ipAddress else { return }
    if gate.enter(name) { address = name } else { context.close(promise: nil) }
  }

  private func leave() {
    timer?.cancel()
    timer = nil
    if let address { gate.leave(address) }
    address = nil
  }
}
