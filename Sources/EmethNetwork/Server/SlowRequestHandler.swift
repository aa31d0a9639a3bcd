import NIOCore
import NIOHTTPTypes

/// Ends connections whose client sends so slowly that it only wants to hold them: a head that does not come, a body
/// that drips.
///
/// While a request is coming in, at least ``bytesPerPeriod`` must come in every period. A request that is whole may
/// be answered as late as it takes: a long poll has sent all that it has to say.
final class SlowRequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  /// What is expected of a client at least.
  static let bytesPerPeriod = 16 << 10

  private let period: TimeAmount
  private var timer: Scheduled<Void>?
  private var isReading = false
  private var received = 0
  private var unanswered = 0

  init(period: TimeAmount) { self.period = period }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { watch(context) }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelActive(context: ChannelHandlerContext) {
    watch(context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head:
      isReading = true
      unanswered += 1
      watch(context)
    case .body(let bytes): received += bytes.readableBytes
    case .end:
      isReading = false
      timer?.cancel()
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) {
      // What is no HTTP is answered too, and was no request.
      unanswered = max(0, unanswered - 1)
      if !isReading, unanswered == 0 { watch(context) }
    }
    context.write(data, promise: promise)
  }

  /// Looks again after a period; what is too slow then is closed.
  private func watch(_ context: ChannelHandlerContext) {
    timer?.cancel()
    received = 0
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: period) { [self] in
      if isReading, received >= Self.bytesPerPeriod { return watch(context) }
      // Nothing came although nothing was owed: the next request may have begun, or never will.
      if isReading || unanswered == 0 { context.close(promise: nil) }
    }
  }
}
