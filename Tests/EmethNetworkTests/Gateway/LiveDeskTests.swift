import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// Who gets which text, and what becomes of it when a node goes.
@Suite struct LiveDeskTests {
  private let model: LiveModel
  private let nodes = (0..<3).map { ServiceScene.node($0).address }

  init() throws {
    let shape = try ModelShape(layers: 1, heads: 1, width: 8, context: 16, vocabularySize: 100)
    model = LiveModel(
      name: "m",
      model: try ModelReference(
        files: ["config.json": .zero, "model.safetensors": TestNetwork.seed(1)], shape: shape),
      price: TokenAmount(holon: 1_000))
  }

  private func text(_ number: UInt64, of account: UInt32 = 1, maxTokens: UInt32 = 10) -> LiveText {
    var drawing = Drawing()
    drawing.maxTokens = maxTokens
    return LiveText(
      id: JobID(requester: .zero, salt: TestNetwork.seed(number)), model: model,
      account: TestNetwork.key("account", account).address,
      prompt: [1, 2, 3], drawing: drawing)
  }

  private func turn(
    _ room: UInt32 = 0, open: [JobID] = [], _ drawn: [LiveTokens] = []
  ) -> LiveTurn {
    LiveTurn(models: [model.model.hash], room: room, open: open, drawn: drawn, wait: 0)
  }

  private func tokens(
    _ text: LiveText, from: UInt32, _ tokens: [UInt32], _ ending: LiveEnding? = nil
  ) -> LiveTokens {
    LiveTokens(id: text.id, from: from, tokens: tokens, ending: ending)
  }

  @Test func withoutANodeThereIsNoText() async throws {
    let desk = LiveDesk()
    let refused = #expect(throws: RequestFailure.self) { try desk.add(text(1)) }
    #expect(refused?.status == .serviceUnavailable && refused?.retryAfterSeconds == 5)
    _ = await desk.take(turn(1), from: nodes[0])
    try desk.add(text(1))
    #expect(desk.figures == (1, 0))
  }

  /// Told twice, tokens count once; beyond the limit they don't count; the end is the limit's.
  @Test func tokensCountOnceAndInOrder() async throws {
    let desk = LiveDesk()
    _ = await desk.take(turn(), from: nodes[0])
    let one = text(1, maxTokens: 5)
    try desk.add(one)
    let work = await desk.take(turn(4), from: nodes[0])
    #expect(work.begin.map(\.id) == [one.id] && work.begin.first?.prompt == [1, 2, 3])
    // An answer that was lost is given again.
    #expect(await desk.take(turn(4), from: nodes[0]).begin == work.begin)
    _ = await desk.take(turn(4, open: [one.id], [tokens(one, from: 0, [7, 8])]), from: nodes[0])
    _ = await desk.take(turn(4, open: [one.id], [tokens(one, from: 0, [7, 8, 9])]), from: nodes[0])
    _ = await desk.take(turn(4, open: [one.id], [tokens(one, from: 5, [99])]), from: nodes[0])
    // Nobody else has a say.
    _ = await desk.take(turn(4, open: [one.id], [tokens(one, from: 3, [50])]), from: nodes[1])
    let first = await one.next(after: 0, waitingUpTo: 0)
    #expect(first.tokens == [7, 8, 9] && first.end == nil)
    _ = await desk.take(turn(4, open: [one.id], [tokens(one, from: 3, [10, 11, 12])]), from: nodes[0])
    let rest = await one.next(after: 3, waitingUpTo: 0)
    #expect(rest.tokens == [10, 11])
    guard case .ended(.maxTokens)? = rest.end else {
      Issue.record("\(String(describing: rest.end))")
      return
    }
    #expect(desk.figures == (0, 0))
    #expect(await desk.take(turn(4, open: [one.id]), from: nodes[0]).end == [one.id])
  }

  /// An account with many texts does not keep one with few waiting.
  @Test func accountsTakeTurns() async throws {
    let desk = LiveDesk()
    _ = await desk.take(turn(), from: nodes[0])
    for number in 0..<20 { try desk.add(text(UInt64(number), of: 1)) }
    let others = (0..<3).map { text(UInt64(100 + $0), of: UInt32(2 + $0)) }
    for other in others { try desk.add(other) }
    let work = await desk.take(turn(8), from: nodes[0])
    #expect(work.begin.count == 8)
    #expect(Set(work.begin.map(\.id)).isSuperset(of: others.map(\.id)))
    #expect(desk.figures == (15, 8))
  }

  @Test func tooManyAreRefused() async throws {
    var limits = LiveDesk.Limits()
    (limits.queue, limits.textsOfAccount) = (3, 2)
    let desk = LiveDesk(limits: limits)
    _ = await desk.take(turn(), from: nodes[0])
    try desk.add(text(1))
    try desk.add(text(2))
    let ofAccount = #expect(throws: RequestFailure.self) { try desk.add(text(3)) }
    #expect(ofAccount?.status == .tooManyRequests && ofAccount?.retryAfterSeconds != nil)
    try desk.add(text(4, of: 2))
    // The line is full: who has nothing in it has a part of it all the same, and no more than that.
    try desk.add(text(5, of: 3))
    for (number, account) in [(6, 2), (7, 3), (8, 4)] as [(UInt64, UInt32)] {
      let all = #expect(throws: RequestFailure.self) { try desk.add(text(number, of: account)) }
      #expect(all?.status == .tooManyRequests && all?.retryAfterSeconds != nil)
    }
  }

  /// Whoever gets a text after it, what counts is who drew the last token that its client has.
  @Test func whoDrewATokenIsRemembered() async throws {
    let desk = LiveDesk()
    for node in nodes { _ = await desk.take(turn(), from: node) }
    let one = text(1)
    try desk.add(one)
    #expect(one.drawer(ofFirst: 1) == nil)
    _ = await desk.take(turn(1), from: nodes[0])
    _ = await desk.take(turn(0, open: [one.id], [tokens(one, from: 0, [5])]), from: nodes[0])
    _ = await desk.take(turn(0, open: [one.id], [tokens(one, from: 1, [6], .failed)]), from: nodes[0])
    #expect(await desk.take(turn(1), from: nodes[1]).begin.first?.drawn == [5, 6])
    #expect(one.node == nodes[1] && one.drawer(ofFirst: 2) == nodes[0], "it has drawn nothing yet")
    _ = await desk.take(turn(0, open: [one.id], [tokens(one, from: 2, [7])]), from: nodes[1])
    #expect(one.drawer(ofFirst: 1) == nodes[0] && one.drawer(ofFirst: 2) == nodes[0])
    #expect(one.drawer(ofFirst: 3) == nodes[1] && one.drawer(ofFirst: 4) == nil)
  }

  /// However often it asks, a node has no more than so many texts, and names no more.
  @Test func aNodeHasABound() async throws {
    var limits = LiveDesk.Limits()
    (limits.textsOfNode, limits.textsOfTurn) = (2, 3)
    let desk = LiveDesk(limits: limits)
    _ = await desk.take(turn(), from: nodes[0])
    let texts = (1...4).map { text(UInt64($0)) }
    for text in texts { try desk.add(text) }
    let open = await desk.take(turn(1_000), from: nodes[0]).begin.map(\.id)
    #expect(open.count == 2)
    #expect(await desk.take(turn(1_000, open: open), from: nodes[0]).begin.isEmpty)
    #expect(desk.figures == (2, 2))
    try desk.check(turn(1, open: texts.prefix(3).map(\.id), texts.prefix(3).map { tokens($0, from: 0, []) }))
    for wrong in [turn(1, open: texts.map(\.id)), turn(1, texts.map { tokens($0, from: 0, []) })] {
      let refused = #expect(throws: RequestFailure.self) { try desk.check(wrong) }
      #expect(refused?.status == .badRequest)
    }
  }

  /// A node that gives up, draws nonsense or falls silent is replaced; the next one gets the tokens that there are.
  @Test func aNodeThatGoesIsReplaced() async throws {
    var limits = LiveDesk.Limits()
    limits.silenceSeconds = 0.2
    let desk = LiveDesk(limits: limits)
    for node in nodes { _ = await desk.take(turn(), from: node) }
    let one = text(1)
    try desk.add(one)
    #expect(await desk.take(turn(1), from: nodes[0]).begin.count == 1)
    _ = await desk.take(turn(1, open: [one.id], [tokens(one, from: 0, [5, 6])]), from: nodes[0])
    // No id of the vocabulary.
    _ = await desk.take(turn(1, open: [one.id], [tokens(one, from: 2, [100])]), from: nodes[0])
    #expect(await desk.take(turn(1), from: nodes[0]).begin.isEmpty, "who left it gets it back only last")
    let second = await desk.take(turn(1), from: nodes[1]).begin
    #expect(second.map(\.drawn) == [[5, 6]])
    _ = await desk.take(turn(0, open: [one.id], [tokens(one, from: 2, [7])]), from: nodes[1])
    try await Task.sleep(for: .milliseconds(400))
    desk.sweep()
    let third = await desk.take(turn(1), from: nodes[2]).begin
    #expect(third.map(\.drawn) == [[5, 6, 7]])
    #expect(one.node == nodes[2])
    // Who was silent hears that it is not its own any more.
    #expect(await desk.take(turn(0, open: [one.id]), from: nodes[1]).end == [one.id])
    _ = await desk.take(turn(0, open: [one.id], [tokens(one, from: 3, [], .failed)]), from: nodes[2])
    guard case .failed(let failure)? = await one.next(after: 3, waitingUpTo: 0).end else {
      Issue.record("it goes on")
      return
    }
    #expect(failure.status == .serviceUnavailable)
  }

  /// A node that speaks and draws nothing is replaced; a text that waits for its reader does not stand still.
  @Test func aNodeThatStandsStillIsReplaced() async throws {
    var limits = LiveDesk.Limits()
    (limits.stallSeconds, limits.backlog) = (0.3, 2)
    let desk = LiveDesk(limits: limits)
    for node in nodes { _ = await desk.take(turn(), from: node) }
    let (stuck, paused) = (text(1), text(2))
    try desk.add(stuck)
    try desk.add(paused)
    let open = [stuck.id, paused.id]
    _ = await desk.take(turn(2), from: nodes[0])
    _ = await desk.take(turn(0, open: open, [tokens(paused, from: 0, [1, 2, 3])]), from: nodes[0])
    try await Task.sleep(for: .milliseconds(500))
    _ = await desk.take(turn(0, open: open), from: nodes[0])
    desk.sweep()
    #expect(await desk.take(turn(2), from: nodes[1]).begin.map(\.id) == [stuck.id])
    #expect(await desk.take(turn(0, open: open), from: nodes[0]).end == [stuck.id])
    #expect(paused.node == nodes[0] && stuck.node == nodes[1])
  }

  /// Texts that nobody reads are taken out, each once and with what was read of it, be they over or not.
  @Test func aTextWithoutAReaderIsTakenOut() async throws {
    var limits = LiveDesk.Limits()
    limits.readerSeconds = 1
    let desk = LiveDesk(limits: limits)
    _ = await desk.take(turn(), from: nodes[0])
    let (never, once, over, read) = (text(1), text(2), text(3, maxTokens: 2), text(4))
    for text in [never, once, over, read] { try desk.add(text) }
    let open = [never.id, once.id, over.id, read.id]
    #expect(await desk.take(turn(4), from: nodes[0]).begin.count == 4)
    let first = [tokens(once, from: 0, [5, 6]), tokens(over, from: 0, [7, 8])]
    _ = await desk.take(turn(0, open: open, first), from: nodes[0])
    _ = await once.next(after: 0, waitingUpTo: 0)
    #expect(once.handed.isEmpty, "what it has taken it has not handed on yet")
    _ = await once.next(after: 2, waitingUpTo: 0)
    _ = await desk.take(turn(0, open: open, [tokens(once, from: 2, [9])]), from: nodes[0])
    try await Task.sleep(for: .milliseconds(1_200))
    _ = await read.next(after: 0, waitingUpTo: 0)
    let left = Set(desk.abandoned().map(\.id))
    #expect(left == [never.id, once.id, over.id])
    #expect(never.handed.isEmpty && once.handed == [5, 6] && over.handed.isEmpty)
    #expect(desk.abandoned().isEmpty)
    #expect(desk.figures == (0, 1))
    #expect(await Set(desk.take(turn(0, open: open), from: nodes[0]).end) == left)
    guard case .failed? = await once.next(after: 3, waitingUpTo: 0).end else {
      Issue.record("it goes on")
      return
    }
  }

  /// A reader that takes nothing makes its text pause, and no other.
  @Test func aSlowReaderPausesItsText() async throws {
    var limits = LiveDesk.Limits()
    limits.backlog = 4
    let desk = LiveDesk(limits: limits)
    _ = await desk.take(turn(), from: nodes[0])
    let (slow, quick) = (text(1, maxTokens: 100), text(2, maxTokens: 100))
    try desk.add(slow)
    try desk.add(quick)
    _ = await desk.take(turn(2), from: nodes[0])
    let open = [slow.id, quick.id]
    let five: [UInt32] = [1, 2, 3, 4, 5]
    _ = await desk.take(turn(0, open: open, [tokens(quick, from: 0, five)]), from: nodes[0])
    _ = await quick.next(after: 5, waitingUpTo: 0)
    let work = await desk.take(turn(0, open: open, [tokens(slow, from: 0, five)]), from: nodes[0])
    #expect(work.pause == [slow.id])
    _ = await slow.next(after: 5, waitingUpTo: 0)
    #expect(await desk.take(turn(0, open: open), from: nodes[0]).pause.isEmpty)
    desk.remove(slow)
    #expect(await desk.take(turn(0, open: open), from: nodes[0]).end == [slow.id])
  }

  /// A node without work waits, and hears of the next text at once.
  @Test func aWaitingNodeIsWoken() async throws {
    let desk = LiveDesk()
    _ = await desk.take(turn(), from: nodes[0])
    var waiting = turn(1)
    waiting.wait = 20
    let (asked, node) = (waiting, nodes[0])
    async let work = desk.take(asked, from: node)
    try await Task.sleep(for: .milliseconds(50))
    try desk.add(text(1))
    let begun = await work.begin.count
    #expect(begun == 1)
  }

  /// Of several turns of one node that are let wait the newest gets the text.
  @Test func onlyTheNewestTurnWaits() async throws {
    let desk = LiveDesk()
    _ = await desk.take(turn(), from: nodes[0])
    var waiting = turn(1)
    waiting.wait = 20
    let (asked, node) = (waiting, nodes[0])
    let older = (0..<5).map { _ in Task { await desk.take(asked, from: node) } }
    try await Task.sleep(for: .milliseconds(200))
    async let newest = desk.take(asked, from: node)
    try await Task.sleep(for: .milliseconds(200))
    try desk.add(text(1))
    for turn in older { #expect(await turn.value.begin.isEmpty) }
    let begun = await newest.begin.count
    #expect(begun == 1)
  }
}
