/// Pieces with scores: a text becomes the pieces whose scores add up to the most.
///
/// Viterbi in binary64 as Hugging Face's `tokenizers` does it: from the left, shorter pieces first, and an
/// equal score does not replace an earlier one. O(n x longest piece).
struct UnigramModel: Sendable {
  /// What an unknown character costs below the lowest score.
  private static let unknownPenalty = 10.0

  /// The piece of each id.
  let pieces: [[UInt8]]
  private let scores: [Double]
  private let unknown: UInt32?
  /// The id of each piece, of the last one where a piece stands twice.
  private let ids: [[UInt8]: UInt32]
  /// The ids of the bytes, where unknown characters are spelt in bytes.
  private let byteIDs: [UInt32]?
  /// The trie: from a node by a byte to another node.
  private let edges: PairIndex
  /// The id of the piece that ends at each node, or none.
  private let ends: [UInt32]
  private let unknownScore: Double
  private static let none = UInt32.max

  /// The memory of one encoding, to be used again by the next.
  struct Scratch {
    fileprivate var steps: [Step] = []
    fileprivate var path: [(range: Range<Int>, id: UInt32)] = []
  }

  fileprivate struct Step {
    var score = 0.0
    var start = -1
    var id = UnigramModel.none
  }

  /// A model of pieces and scores; `special` ones are in no text.
  init(
    pieces: [[UInt8]], scores: [Double], unknown: UInt32?, hasByteFallback: Bool, special: Set<UInt32>
  ) {
    self.pieces = pieces
    self.scores = scores
    self.unknown = unknown
    ids = Dictionary(pieces.enumerated().map { ($1, UInt32($0)) }) { $1 }
    unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
    let ids = ids
    let bytes = (0..<256).compactMap { byte -> UInt32? in
      let digits = String(byte, radix: 16, uppercase: true)
      return ids[Array("<0x\(byte < 16 ? "0" : "")\(digits)>".utf8)]
    }
    byteIDs = hasByteFallback && bytes.count == 256 ? bytes : nil
    var children: [UInt64: UInt32] = [:]
    var (left, right, merged): ([UInt32], [UInt32], [UInt32]) = ([], [], [])
    var ends: [UInt32] = [Self.none]
    for (piece, id) in ids where !special.contains(id) && !piece.isEmpty {
      var node: UInt32 = 0
      for byte in piece {
        let key = UInt64(node) << 8 | UInt64(byte)
        if let child = children[key] {
          node = child
        } else {
          left.append(node)
          right.append(UInt32(byte))
          node = UInt32(ends.count)
          merged.append(node)
          children[key] = node
          ends.append(Self.none)
        }
      }
      ends[Int(node)] = id
    }
    edges = PairIndex(left: left, right: right, merged: merged)
    self.ends = ends
  }

  /// Appends the ids of a piece of text.
  ///
  /// - Throws: `ComputeError.invalidInput` for an unknown character when the model has no token for those.
  func encode(
    _ text: ArraySlice<UInt8>, into output: inout [UInt32], scratch: inout Scratch
  ) throws(ComputeError) {
    text.withUnsafeBufferPointer { findBestSteps(of: $0, &scratch.steps) }
    scratch.path.removeAll(keepingCapacity: true)
    var end = text.count
    while end > 0 {
      let step = scratch.steps[end]
      // Unknown characters one after another are one token.
      if step.id == unknown ?? Self.none, let last = scratch.path.last, last.id == step.id {
        scratch.path[scratch.path.count - 1].range = step.start..<last.range.upperBound
      } else {
        scratch.path.append((step.start..<end, step.id))
      }
      end = step.start
    }
    for (range, id) in scratch.path.reversed() {
      let base = text.startIndex
      if id != Self.none, id != unknown {
        output.append(id)
      } else if let id = ids[Array(text[(base + range.lowerBound)..<(base + range.upperBound)])] {
        output.append(id)
      } else if let byteIDs {
        for index in range { output.append(byteIDs[Int(text[base + index])]) }
      } else if let unknown {
        output.append(unknown)
      } else {
        let found = String(
          decoding: text[(base + range.lowerBound)..<(base + range.upperBound)], as: UTF8.self)
        throw .invalidInput(
          what: "text", found: String(found.prefix(20)),
          allowed: "characters of the tokenizer, which has no unk_id")
      }
    }
  }

  private func findBestSteps(of text: UnsafeBufferPointer<UInt8>, _ steps: inout [Step]) {
    steps.removeAll(keepingCapacity: true)
    steps.append(contentsOf: repeatElement(Step(), count: text.count + 1))
    var start = 0
    while start < text.count {
      let first = text[start]
      let length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
      let before = steps[start].score
      var hasSingle = false
      var node: UInt32 = 0
      var end = start
      while end < text.count {
        let edge = edges.merge(node, UInt32(text[end]))
        guard edge != PairIndex.none else { break }
        node = UInt32(truncatingIfNeeded: edge)
        end += 1
        let id = ends[Int(node)]
        guard id != Self.none else { continue }
        let score = scores[Int(id)] + before
        if steps[end].start < 0 || score > steps[end].score {
          steps[end] = Step(score: score, start: start, id: id)
        }
        if end - start == length { hasSingle = true }
      }
      if !hasSingle {
        let end = min(start + length, text.count)
        let score = unknownScore + before
        if steps[end].start < 0 || score > steps[end].score {
          steps[end] = Step(score: score, start: start, id: unknown ?? Self.none)
        }
      }
      start += length
    }
  }
}
