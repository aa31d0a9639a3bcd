import EmethKit
import Synchronization

/// Between clients who wait for texts and nodes that draw them: who is next, who has what, who has gone silent.
///
/// Accounts take turns, however many keys they have: the next text is one of the account that has the fewest with nodes,
/// and among those of the one that was served longest ago. A node says what it has drawn and how much more it would take, and is told the rest; a text
/// whose node is silent or gives it up goes to the next one, with the tokens that its client may have already. All is
/// in memory: a server that ends takes its texts along.
final class LiveDesk: Sendable {
  /// What it allows.
  struct Limits: Sendable, Hashable {
    /// Texts that wait for a node, above which an account has no more than its part of so many.
    var queue = 1_024
    /// Texts of one account, waiting or not.
    var textsOfAccount = 256
    /// So long a text may take, seconds.
    var textSeconds = 600.0
    /// Texts that a node may have at once.
    var textsOfNode = 1_024
    /// Texts that a node may name in one turn, and of how many it may tell tokens.
    var textsOfTurn = 4_096
    /// So long a node may say nothing, seconds.
    var silenceSeconds = 5.0
    /// So long a node may draw nothing of a text that its reader waits for, seconds.
    var stallSeconds = 120.0
    /// So long a text waits for its reader, seconds: connections that take nothing are cut before.
    var readerSeconds = 60.0
    /// Models that a node may say it has.
    var modelsOfNode = 256
    /// Nodes that a text is tried with.
    var attempts = 3
    /// Tokens that its reader has not taken, above which a text pauses.
    var backlog = 64
  }

  fileprivate struct Node {
    var models: Set<Bytes32>
    var seen: ContinuousClock.Instant
    /// Its newest turn, by a count.
    var turn: UInt64 = 0
    /// Whether it has been paid since it was told so last.
    var hasReceipts = false
  }

  fileprivate struct State {
    /// All texts that were put in line and not taken out.
    var texts: [JobID: LiveText] = [:]
    /// Those without a node, in the order in which they came.
    var waiting: [Address: [LiveText]] = [:]
    /// Of each account the texts that nodes have.
    var running: [Address: Int] = [:]
    /// When each account was served last, by a count.
    var served: [Address: UInt64] = [:]
    var turn: UInt64 = 0
    /// Turns that nodes have taken.
    var turns: UInt64 = 0
    var nodes: [Address: Node] = [:]
    /// What each node has.
    var assigned: [Address: [JobID: LiveText]] = [:]
    /// When nodes were looked at last.
    var swept = ContinuousClock.now

    var queued: Int { waiting.values.reduce(0) { $0 + $1.count } }
  }

  let limits: Limits
  private let state = Mutex(State())
  /// Raised when there is something to say to a node.
  private let work = ChangeSignal()

  init(limits: Limits = Limits()) { self.limits = limits }

  /// Texts that wait, and texts that nodes have.
  var figures: (waiting: Int, running: Int) {
    state.withLock { ($0.queued, $0.running.values.reduce(0, +)) }
  }

  // MARK: - Clients

  /// Puts a text in line.
  ///
  /// - Throws: ``RequestFailure``: 503 where no node has the model, 429 where too many wait.
  func add(_ text: LiveText) throws(RequestFailure) {
    sweep()
    let refusal = state.withLock { state -> RequestFailure? in
      guard state.nodes.values.contains(where: { $0.models.contains(text.model.model.hash) }) else {
        return .noNode("no node has the model \(text.model.name) now")
      }
      let account = text.account
      let waiting = state.waiting[account]?.count ?? 0
      let ofAccount = state.running[account, default: 0] + waiting
      guard ofAccount < limits.textsOfAccount else {
        return .crowded(
          "this account has \(ofAccount) texts under way already, allowed are \(limits.textsOfAccount)",
          retryAfterSeconds: 1)
      }
      // Who fills the line keeps nobody out who has less than an equal part of it.
      let accounts = state.waiting.count + (waiting == 0 ? 1 : 0)
      guard state.queued < limits.queue || waiting < limits.queue / accounts else {
        return .crowded(
          "\(state.queued) texts wait already, \(waiting) of them this account's", retryAfterSeconds: 2)
      }
      state.texts[text.id] = text
      state.waiting[account, default: []].append(text)
      return nil
    }
    if let refusal { throw refusal }
    work.raise()
  }

  /// Takes out the texts whose readers have not come for too long, or never came.
  ///
  /// - Returns: those texts, each once.
  func abandoned() -> [LiveText] {
    let latest = ContinuousClock.now.advanced(by: .seconds(-limits.readerSeconds))
    let left = state.withLock { state in
      let left = state.texts.values.filter { text in text.state.withLock { $0.read < latest } }
      for text in left {
        state.texts[text.id] = nil
        state.drop(text)
      }
      return left
    }
    for text in left { text.end(.failed(.hungUp)) }
    if !left.isEmpty { work.raise() }
    return left
  }

  /// Takes a text out: it has ended, or nobody wants it any more.
  func remove(_ text: LiveText) {
    state.withLock { state in
      guard state.texts.removeValue(forKey: text.id) != nil else { return }
      state.drop(text)
    }
    work.raise()
  }

  // MARK: - Nodes

  /// Refuses a turn that names more texts than any node has.
  func check(_ turn: LiveTurn) throws(RequestFailure) {
    let found = max(turn.open.count, turn.drawn.count)
    guard found <= limits.textsOfTurn else {
      throw .badParameter("turn", found: "\(found) texts", allowed: "at most \(limits.textsOfTurn)")
    }
  }

  /// One turn of a node. Of several that are let wait the newest alone is answered with work.
  ///
  /// - Parameter gone: raised when the node has hung up: it gets nothing then.
  func take(
    _ turn: LiveTurn, from node: Address, unless gone: StopFlag = StopFlag()
  ) async -> LiveWork {
    let deadline = ContinuousClock.now.advanced(by: .seconds(Double(min(turn.wait, 20))))
    var seen = work.version
    let number = state.withLock { state in
      state.turns += 1
      return state.turns
    }
    var answer = first(turn, from: node, number)
    // A node that has texts comes again by itself.
    while answer.isEmpty, turn.open.isEmpty, ContinuousClock.now < deadline, !work.isClosed, !Task.isCancelled
    {
      await work.wait(after: seen, until: deadline)
      if gone.isRaised || state.withLock({ $0.nodes[node].map { $0.turn > number } ?? false }) { break }
      seen = work.version
      var quiet = turn
      quiet.drawn = []
      answer = first(quiet, from: node, number)
    }
    return answer
  }

  private func first(_ turn: LiveTurn, from node: Address, _ number: UInt64) -> LiveWork {
    state.withLock { state in
      var known = state.nodes[node] ?? Node(models: [], seen: .now)
      (known.models, known.seen) = (Set(turn.models.prefix(limits.modelsOfNode)), .now)
      known.turn = max(known.turn, number)
      var answer = LiveWork()
      answer.hasReceipts = known.hasReceipts
      known.hasReceipts = false
      state.nodes[node] = known
      for tokens in turn.drawn { state.take(tokens, from: node, limits) }
      let (own, open) = (state.assigned[node] ?? [:], Set(turn.open))
      answer.end = open.filter { own[$0] == nil }.sorted()
      // What it was given and does not name it never got, or has lost.
      let lost = own.values.filter { !open.contains($0.id) }
      answer.begin = lost.map(\.assignment)
      var room = min(Int(turn.room) - lost.count, limits.textsOfNode - own.count)
      while room > 0, let text = state.next(for: node, known.models, limits) {
        answer.begin.append(text.assignment)
        room -= 1
      }
      answer.pause = open.filter { (own[$0]?.backlog ?? 0) > limits.backlog }.sorted()
      return answer
    }
  }

  /// Tells a node, when it comes, that there is a receipt for it. One that is away asks by itself.
  func announceReceipt(to node: Address) {
    state.withLock { $0.nodes[node]?.hasReceipts = true }
    work.raise()
  }

  /// Whether a node has a model, as far as it has said.
  func has(_ model: Bytes32, at node: Address) -> Bool {
    state.withLock { $0.nodes[node]?.models.contains(model) ?? false }
  }

  /// Takes texts back from nodes that have been silent for too long, or speak and draw nothing. Often called, it looks
  /// ten times a second.
  func sweep() {
    let now = ContinuousClock.now
    let latest = now.advanced(by: .seconds(-limits.silenceSeconds))
    let isChanged = state.withLock { state in
      guard now - state.swept > .milliseconds(100) else { return false }
      state.swept = now
      // One that waits for work speaks when its wait is over.
      let silent = state.nodes.filter { node, known in
        known.seen < latest.advanced(by: .seconds(state.assigned[node]?.isEmpty == false ? 0 : -20))
      }
      for node in silent.keys {
        state.nodes[node] = nil
        for text in (state.assigned[node] ?? [:]).values { state.giveBack(text, from: node, limits) }
        state.assigned[node] = nil
      }
      var isStalled = false
      for (node, own) in state.assigned {
        for text in own.values where text.isStalled(for: limits.stallSeconds, limits.backlog) {
          state.giveBack(text, from: node, limits)
          isStalled = true
        }
      }
      return isStalled || !silent.isEmpty
    }
    if isChanged { work.raise() }
  }

  /// Lets everybody go: the server stops.
  func close() { work.close() }
}

extension LiveDesk.State {
  /// Takes tokens in, those that are new.
  fileprivate mutating func take(_ tokens: LiveTokens, from node: Address, _ limits: LiveDesk.Limits) {
    guard let text = assigned[node]?[tokens.id] else { return }
    let vocabulary = text.model.model.vocabularySize
    guard tokens.tokens.allSatisfy({ $0 < vocabulary }) else { return giveBack(text, from: node, limits) }
    let isOver = text.state.withLock { state -> Bool in
      if state.end != nil { return true }
      let limit = Int(text.drawing.maxTokens)
      // Told twice, they count once; behind a gap they are told again.
      if Int(tokens.from) <= state.drawn.count {
        let new = tokens.tokens.dropFirst(state.drawn.count - Int(tokens.from))
        if !new.isEmpty { state.moved = .now }
        let count = state.drawn.count
        state.drawn += new.prefix(limit - count)
        if state.drawn.count > count {
          if state.drawers.last?.node == node { state.drawers.removeLast() }
          state.drawers.append((node, state.drawn.count))
        }
      }
      let isWhole = Int(tokens.from) + tokens.tokens.count <= state.drawn.count
      if state.drawn.count == limit {
        state.end = .ended(.maxTokens)
      } else if let ending = tokens.ending, ending != .failed, ending != .maxTokens, isWhole {
        state.end = .ended(ending)
      }
      return state.end != nil
    }
    text.changes.raise()
    if isOver {
      drop(text)
    } else if tokens.ending != nil {
      giveBack(text, from: node, limits)
    }
  }

  /// Forgets where a text is.
  fileprivate mutating func drop(_ text: LiveText) {
    waiting[text.account]?.removeAll { $0 === text }
    if waiting[text.account]?.isEmpty == true { waiting[text.account] = nil }
    for (node, own) in assigned where own[text.id] != nil {
      assigned[node]?[text.id] = nil
      running[text.account, default: 1] -= 1
    }
    if running[text.account] == 0 { running[text.account] = nil }
    if waiting[text.account] == nil, running[text.account] == nil { served[text.account] = nil }
  }

  /// Puts a text back in line, before the others of its account, or ends it.
  fileprivate mutating func giveBack(_ text: LiveText, from node: Address, _ limits: LiveDesk.Limits) {
    drop(text)
    let isHopeless = text.state.withLock { state in
      state.node = nil
      state.left.append(node)
      return state.left.count >= limits.attempts
    }
    if isHopeless {
      text.end(.failed(.noNode("\(limits.attempts) nodes in turn could not go on with the text")))
    } else {
      waiting[text.account, default: []].insert(text, at: 0)
    }
  }

  /// The text that a node gets next.
  fileprivate mutating func next(
    for node: Address, _ models: Set<Bytes32>, _ limits: LiveDesk.Limits
  ) -> LiveText? {
    var best: (account: Address, place: Int, running: Int, served: UInt64)?
    for (account, texts) in waiting {
      guard
        let place = texts.firstIndex(where: { text in
          let (model, left) = (text.model.model.hash, text.state.withLock { $0.left })
          // Who has left it gets it again only where there is nobody else.
          return models.contains(model)
            && (!left.contains(node)
              || !nodes.contains { $0.value.models.contains(model) && !left.contains($0.key) })
        })
      else { continue }
      let rank = (running[account, default: 0], served[account, default: 0])
      if let best, (best.running, best.served) <= rank { continue }
      best = (account, place, rank.0, rank.1)
    }
    guard let best, let text = waiting[best.account]?.remove(at: best.place) else { return nil }
    if waiting[best.account]?.isEmpty == true { waiting[best.account] = nil }
    turn += 1
    served[best.account] = turn
    running[best.account, default: 0] += 1
    assigned[node, default: [:]][text.id] = text
    text.state.withLock { ($0.node, $0.moved) = (node, .now) }
    return text
  }
}
