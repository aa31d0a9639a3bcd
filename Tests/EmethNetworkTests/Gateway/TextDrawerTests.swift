import EmethCompute
import EmethKit
import Foundation
import Testing

@testable import EmethNetwork

/// What a node draws while the server gives texts and takes them back.
@Suite struct TextDrawerTests {
  /// A text that was taken back and comes again before the thread has looked is drawn, and told once.
  @Test func aTextThatComesBackIsDrawn() async throws {
    let scene = try GenerationScene()
    let folder = try TemporaryFolder()
    let shelf = ModelShelf(folder: folder.url.appending(path: "models"), byteLimit: .max)
    let lane = try AgentLane(threads: 1, device: .cpu)
    try await shelf.bring(scene.model, on: lane) { _, store async throws(NetworkError) in
      try asNetworkError { try scene.store(in: store) }
    }
    var drawing = Drawing()
    (drawing.topK, drawing.maxTokens, drawing.temperature) = (0, 8, 0)
    let text = LiveAssignment(
      id: JobID(requester: .zero, salt: TestNetwork.seed(1)), model: scene.model.hash,
      prompt: "the cat".utf8.map { UInt32($0) }, drawn: [], drawing: drawing)
    let drawer = TextDrawer()
    var (begin, end) = (LiveWork(), LiveWork())
    (begin.begin, end.end) = ([text], [text.id])
    for work in [begin, end, begin] { drawer.follow(work) }
    let (stop, model) = (StopFlag(), scene.model)
    let drawn = Task {
      try await lane.run { device in
        drawer.run(shelf, models: { _ in model }, on: device, stop: stop) { Issue.record("\($0)") }
      }
    }
    var tokens: [UInt32] = []
    var ending: LiveEnding?
    for _ in 0..<6_000 where ending == nil {
      for part in drawer.take().drawn {
        #expect(part.id == text.id && Int(part.from) == tokens.count)
        tokens += part.tokens
        ending = part.ending
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    stop.raise()
    try await drawn.value
    #expect(ending == .maxTokens && drawer.isIdle)
    let line = #"{"id":"a","prompt":"the cat"}"# + "\n"
    let written = try scene.texts(line, drawing: drawing)[0].text
    var stream = TokenTextStream(ByteTokenizer())
    var read = ""
    for token in tokens { read += stream.append(token) }
    #expect(tokens.count == 8 && read + stream.finish() == written)
  }
}
