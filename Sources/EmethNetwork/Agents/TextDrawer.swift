import EmethCompute
import EmethKit
import Foundation
import Synchronization

/// Draws live texts side by side, a token of each at a time: texts join and leave between two tokens.
///
/// One thread draws (``run(_:models:on:stop:)``), one task speaks with the server (``take()``, ``follow(_:)``).
final class TextDrawer: Sendable {
  private struct State {
    var begin: [LiveAssignment] = []
    var end: Set<JobID> = []
    var paused: Set<JobID> = []
    /// What was begun, or is about to be, and has not ended.
    var open: Set<JobID> = []
    /// What the server has not been told.
    var drawn: [JobID: LiveTokens] = [:]
  }

  private let state = Mutex(State())
  private let wake = DispatchSemaphore(value: 0)
  /// Raised when there is something to tell.
  let news = ChangeSignal()

  // MARK: - What the server says and hears

  /// What is open, and what was drawn since the last call.
  func take() -> (open: [JobID], drawn: [LiveTokens]) {
    state.withLock { state in
      defer { state.drawn = [:] }
      return (state.open.sorted(), state.drawn.values.sorted { $0.id < $1.id })
    }
  }

  /// Whether nothing is open, and nothing is to be told.
  var isIdle: Bool { state.withLock { $0.open.isEmpty && $0.drawn.isEmpty } }

  /// Whether a client waits for the next turn: for a text's first token, or since nothing is open, so that the turn
  /// may bring a text.
  var isUrgent: Bool {
    state.withLock { $0.open.isEmpty || $0.drawn.values.contains { $0.from == 0 } }
  }

  /// What could not be told comes before what was drawn meanwhile.
  func putBack(_ drawn: [LiveTokens]) {
    state.withLock { state in
      for var tokens in drawn {
        if let later = state.drawn[tokens.id] {
          tokens.tokens += later.tokens
          tokens.ending = later.ending
        }
        state.drawn[tokens.id] = tokens
      }
    }
  }

  /// Does as the server says.
  func follow(_ work: LiveWork) {
    state.withLock { state in
      for text in work.begin where state.open.insert(text.id).inserted { state.begin.append(text) }
      for text in work.end where state.open.remove(text) != nil {
        state.begin.removeAll { $0.id == text }
        state.end.insert(text)
        state.drawn[text] = nil
      }
      state.paused = Set(work.pause)
    }
    if !work.isEmpty { wake.signal() }
  }

  // MARK: - Drawing

  /// A text as it is drawn.
  private struct Text {
    let place: Int
    let limit: Int
    var count: Int
    var stream: TokenTextStream
  }

  /// A model with its texts.
  private final class Bench {
    let tokenizer: any Tokenizer
    let generator: TextGenerator
    var texts: [JobID: Text] = [:]

    init(_ model: ModelShelf.Ready, _ device: Device) throws(ComputeError) {
      tokenizer = model.tokenizer
      generator = try TextGenerator(model.weights, device: device)
    }

    func begin(_ wanted: LiveAssignment) throws(ComputeError) {
      var stream = TokenTextStream(tokenizer, stops: wanted.drawing.stop)
      for token in wanted.drawn { _ = stream.append(token) }
      let place = try generator.open(wanted.prompt, drawn: wanted.drawn, sampler: wanted.drawing.sampler())
      texts[wanted.id] = Text(
        place: place, limit: Int(wanted.drawing.maxTokens), count: wanted.drawn.count, stream: stream)
    }

    func end(_ id: JobID) {
      if let text = texts.removeValue(forKey: id) { generator.close(text.place) }
    }

    /// A token of each text that does not pause.
    func draw(except paused: Set<JobID>) throws(ComputeError) -> [LiveTokens] {
      let ids = texts.keys.filter { !paused.contains($0) }.sorted()
      if ids.isEmpty { return [] }
      var drawn: [LiveTokens] = []
      for (id, token) in zip(ids, try generator.draw(ids.compactMap { texts[$0]?.place })) {
        guard var text = texts[id] else { continue }
        var tokens = LiveTokens(id: id, from: UInt32(text.count), tokens: [], ending: nil)
        if token == tokenizer.endOfText {
          tokens.ending = .endOfText
        } else {
          tokens.tokens = [token]
          text.count += 1
          _ = text.stream.append(token)
          tokens.ending = text.stream.isStopped ? .stop : text.count >= text.limit ? .maxTokens : nil
        }
        texts[id] = text
        if tokens.ending != nil { end(id) }
        drawn.append(tokens)
      }
      return drawn
    }
  }

  /// Draws until it is asked to stop.
  ///
  /// Blocks: not for the cooperative pool.
  ///
  /// - Parameters:
  ///   - models: on the shelf already, by their hashes.
  ///   - report: told why texts of a model could not go on here.
  func run(
    _ shelf: ModelShelf, models: @Sendable (Bytes32) -> ModelReference?, on device: Device, stop: StopFlag,
    report: (NetworkError) -> Void
  ) {
    var benches: [Bytes32: Bench] = [:]
    while !stop.isRaised {
      let (begin, end, paused) = state.withLock { state in
        defer { (state.begin, state.end) = ([], []) }
        return (state.begin, state.end, state.paused)
      }
      for text in end { for bench in benches.values { bench.end(text) } }
      // What was ended and is to be begun again has come back from another node.
      for text in begin {
        do throws(NetworkError) {
          let bench: Bench
          if let known = benches[text.model] {
            bench = known
          } else {
            guard let model = models(text.model) else { throw .missingObject(hash: text.model) }
            let ready = try shelf.model(model, from: nil, on: device)
            bench = try Self.computing { () throws(ComputeError) in try Bench(ready, device) }
            benches[text.model] = bench
          }
          try Self.computing { () throws(ComputeError) in try bench.begin(text) }
        } catch {
          report(error)
          tell([LiveTokens(id: text.id, from: UInt32(text.drawn.count), tokens: [], ending: .failed)])
        }
      }
      var isIdle = true
      for (model, bench) in benches {
        do throws(ComputeError) {
          let drawn = try bench.draw(except: paused)
          if !drawn.isEmpty { isIdle = false }
          tell(drawn)
        } catch {
          report(.compute(error))
          tell(
            bench.texts.map { id, text in
              LiveTokens(id: id, from: UInt32(text.count), tokens: [], ending: .failed)
            })
          benches[model] = nil
        }
      }
      if isIdle { _ = wake.wait(timeout: .now() + .milliseconds(20)) }
    }
  }

  private static func computing<Value>(_ body: () throws(ComputeError) -> Value) throws(NetworkError) -> Value
  {
    do throws(ComputeError) { return try body() } catch { throw .compute(error) }
  }

  private func tell(_ drawn: [LiveTokens]) {
    if drawn.isEmpty { return }
    state.withLock { state in
      for tokens in drawn where state.open.contains(tokens.id) {
        if state.drawn[tokens.id] == nil {
          state.drawn[tokens.id] = tokens
        } else {
          state.drawn[tokens.id]?.tokens += tokens.tokens
          state.drawn[tokens.id]?.ending = tokens.ending
        }
        if tokens.ending != nil { state.open.remove(tokens.id) }
      }
    }
    news.raise()
  }
}
