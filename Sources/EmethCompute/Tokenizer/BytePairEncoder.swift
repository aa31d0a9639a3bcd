/// Turns text into a byte-level BPE's tokens: the memory that one encoding after another works in.
///
/// One thread at a time uses it: unchecked, since ``EncoderPool`` lends an encoder to one call only.
final class BytePairEncoder: @unchecked Sendable {
  private var merger: WordMerger
  private let cache = WordCache()

  /// An encoder of a tokenizer's merges.
  ///
  /// - Parameter wholeWords: the tokens that a whole word becomes without merging (`ignore_merges`), if it
  ///   does.
  init(byteTokens: [UInt32], index: PairIndex, wholeWords: [[UInt8]: UInt32]?) {
    merger = WordMerger(byteTokens: byteTokens, index: index, wholeWords: wholeWords)
  }

  /// Appends the tokens of `text`, which is known to be UTF-8. O(n log w) for words of at most w bytes.
  func encode(_ text: UnsafeBufferPointer<UInt8>, into output: inout [UInt32]) {
    var scanner = WordScanner(text)
    while let range = scanner.next() {
      let word = UnsafeBufferPointer(rebasing: text[range])
      guard range.count <= WordCache.longestWord else {
        merger.merge(word, into: &output)
        continue
      }
      let key = WordCache.key(of: range, in: text)
      if cache.append(key, to: &output) { continue }
      let first = output.count
      merger.merge(word, into: &output)
      cache.store(key, tokens: output[first...])
    }
  }

  /// Whether it holds more memory than is worth keeping: after a word of megabytes.
  var isLarge: Bool { merger.isLarge }
}
