extension Decoder {
  /// An array of at most so many elements; the rest of a longer one is not read.
  func limitedArray<Element: Decodable>(of type: Element.Type, limit: Int) throws -> [Element] {
    var container = try unkeyedContainer()
    var elements: [Element] = []
    while !container.isAtEnd {
      guard elements.count < limit else {
        throw DecodingError.dataCorrupted(
          .init(codingPath: codingPath, debugDescription: "there are more than \(limit) elements"))
      }
      elements.append(try container.decode(Element.self))
    }
    return elements
  }
}
