/// One question to noise_model.py, and what it answers.
struct NoiseQuestion: Codable, Hashable, Sendable {
  var kind: String
  var variance: UInt64?
  var seed: String?
  var vector: UInt32?
  var count: Int?
  var noise: String?
  var clip: String?
  var exponent: Int32?
  var parts: UInt32?
  var key: String?
  var size: UInt32?
}

struct NoiseAnswer: Codable, Hashable, Sendable {
  var values: [Int32]?
  var variance: String?
}

/// A recorded question with the model's answer.
struct NoiseCase: Codable, Sendable {
  var question: NoiseQuestion
  var answer: NoiseAnswer

  static func recorded(_ kind: String) throws -> [NoiseCase] {
    try PythonModel.recorded("noise-cases.jsonl", as: NoiseCase.self).filter { $0.question.kind == kind }
  }
}
