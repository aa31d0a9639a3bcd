extension Phrase {
  /// The words, both languages side by side.
  var texts: (english: String, japanese: String) {
    switch self {
    // Frame
    case .navigation: ("Pages of the network", "ネットワークのページ")
    case .network: ("Network", "ネットワーク")
    case .batches: ("Batches", "バッチ")
    case .skip: ("Skip to the content", "本文へ移動")
    case .search: ("Find", "検索")
    case .searchLabel: ("Job, account or epoch", "ジョブ、アカウント、エポック")
    case .searchHint: ("0x… or epoch", "0x… またはエポック")
    case .footer:
      (
        "Rendered by this server. Nothing on this page is loaded from anywhere else.",
        "このサーバーが生成したページです。外部からは何も読み込みません。"
      )
    case .asOf: ("As of", "表示時刻")
    case .live: ("Live", "更新中")
    case .notLive: ("Connection lost", "接続が切れました")
    case .pages: ("Pages of the list", "一覧のページ")
    case .firstPage: ("Newest", "最新")
    case .nextPage: ("Older", "以前")
    case .nextAccounts: ("More accounts", "次のアカウント")
    case .firstAccounts: ("First accounts", "最初のアカウント")
    // Time
    case .ago: ("%1 ago", "%1前")
    case .seconds: ("%1 s", "%1秒")
    case .minutes: ("%1 min", "%1分")
    case .hours: ("%1 h", "%1時間")
    case .days: ("%1 d", "%1日")
    // Network
    case .networkTitle: ("The network now", "ネットワークの現況")
    case .networkLead:
      (
        "AI jobs computed by strangers' machines, checked by replay and paid to the last unit.",
        "見知らぬ人々の計算機がAIの仕事を計算し、再実行で検証し、最小単位まで正確に支払います。"
      )
    case .jobs: ("Jobs", "ジョブ")
    case .jobsWaiting: ("Waiting", "待機中")
    case .jobsRunning: ("Running", "実行中")
    case .jobsVerified: ("Verified", "検証済み")
    case .subJobs: ("SubJobs", "サブジョブ")
    case .epochs: ("Epochs", "エポック")
    case .jobsCaption: ("Jobs, newest first", "ジョブ（新しい順）")
    case .noJobs: ("There are no such jobs.", "該当するジョブはありません。")
    case .nothingYet: ("There is nothing yet.", "まだ何もありません。")
    case .filterByStatus: ("Filter by status", "状態で絞り込む")
    case .allStatuses: ("All", "すべて")
    case .ofRequester: ("Jobs of", "依頼者")
    case .showAll: ("show all", "すべて表示")
    case .slots: ("By slot", "スロット別")
    case .slotsCaption: ("Totals by slot, a day in UTC", "スロット（UTCの1日）ごとの合計")
    case .slot: ("Slot", "スロット")
    case .granted: ("Paid out", "支払い")
    case .burned: ("Burned", "焼却")
    case .latestBatch: ("Newest batch", "最新のバッチ")
    // Job
    case .job: ("Job", "ジョブ")
    case .jobTitle: ("Job %1", "ジョブ %1")
    case .dataSet: ("Data set", "データセット")
    case .result: ("Result", "結果")
    case .resultSealed:
      ("sealed to its requester: nobody else can read it here", "依頼者宛てに封印済み：ここでは他の誰も読めません")
    case .resultAwaitsSealing: ("being sealed to its requester", "依頼者宛てに封印中")
    case .resultAsItIs: ("given to its requester alone, not sealed", "依頼者だけに渡されます（封印なし）")
    case .status: ("Status", "状態")
    case .progress: ("Rounds", "ラウンド")
    case .roundsDone: ("Rounds done", "完了したラウンド")
    case .requester: ("Requester", "依頼者")
    case .registered: ("Registered", "登録")
    case .deadline: ("Deadline", "期限")
    case .program: ("Program", "プログラム")
    case .model: ("Model", "モデル")
    case .parametersCount: ("%1 parameters", "パラメータ %1")
    case .size: ("Work", "作業量")
    case .roundsByParts: ("%1 rounds × %2 parts", "%1ラウンド × %2パート")
    case .fuelLimit: ("Fuel limit", "フューエル上限")
    case .fuelPrice: ("Fuel price", "フューエル単価")
    case .gholonPerFuel: ("%1 Gholon", "%1 Gholon")
    case .escrow: ("Escrow", "預託金")
    case .escrowLeft: ("Escrow left", "預託金の残り")
    case .validationLoss: ("Validation loss", "検証損失")
    case .trainingLoss: ("Training loss", "学習損失")
    case .clipped: ("Clipped", "切り詰め")
    case .lossTitle: ("Loss", "損失")
    case .optimizerSteps: ("optimizer steps", "最適化ステップ")
    case .natsPerToken: ("loss (nats per token)", "損失（nat／トークン）")
    case .training: ("training", "学習")
    case .validation: ("validation", "検証")
    case .rounds: ("Rounds", "ラウンド")
    case .roundsCaption: ("Losses by round, newest first", "ラウンドごとの損失（新しい順）")
    case .round: ("Round", "ラウンド")
    case .roundOf: ("Round %1 of %2", "ラウンド %1／%2")
    case .previousRound: ("Previous round", "前のラウンド")
    case .nextRound: ("Next round", "次のラウンド")
    case .subJobsVerified: ("SubJobs verified", "検証済みのサブジョブ")
    case .subJobsOf: ("%1 of %2 SubJobs verified", "サブジョブ %2件中 %1件を検証済み")
    case .subJobsByStatus: ("SubJobs by status", "状態別のサブジョブ")
    case .partsCaption: ("SubJobs of this round: attempts at its parts", "このラウンドのサブジョブ（パートごとの試行）")
    case .noSubJobs: ("No SubJob is registered yet.", "サブジョブはまだ登録されていません。")
    case .part: ("Part", "パート")
    case .parts: ("Parts", "パート")
    case .attempt: ("Attempt", "試行")
    case .node: ("Node", "ノード")
    case .checkedBy: ("Checked by", "検証者")
    case .earned: ("Earned", "報酬")
    case .lost: ("Lost", "損失額")
    case .pending: ("Pending", "未確定")
    case .reason: ("Why", "理由")
    case .accepted: ("accepted", "合格")
    case .rejected: ("rejected", "不合格")
    case .silent: ("silent", "応答なし")
    case .segmentsReplayed: ("%1 segments replayed", "%1区間を再実行")
    // What a submitted subjob waits for
    case .waitDraw: ("waits for the batch that draws its verifier", "検証者を抽選するバッチを待っています")
    case .waitReveal: ("waits for the drawn verifier to reveal its secret", "抽選された検証者が秘密を開示するのを待っています")
    case .waitOpening: ("waits for the node to open its segments", "ノードが区間を開示するのを待っています")
    case .waitVerdict: ("waits for the verifier's verdict", "検証者の判定を待っています")
    case .waitSum: ("accepted; waits for the masked sum", "合格。マスク付き合計を待っています")
    // Cohorts
    case .cohorts: ("Cohorts", "コホート")
    case .cohortsNote:
      (
        "Updates are added masked within a cohort, so that nobody sees a single one.",
        "更新はコホート内でマスクしたまま合計されるため、個々の更新は誰にも見えません。"
      )
    case .cohortsCaption: ("Cohorts of this round", "このラウンドのコホート")
    case .cohort: ("Cohort", "コホート")
    case .sum: ("Sum", "合計")
    case .findings: ("Findings", "検出事項")
    case .sumHolds: ("holds", "一致")
    case .sumInCheck: ("in check", "確認中")
    case .sumAwaited: ("awaited", "待機中")
    case .wrongSums: ("wrong sums by the Aggregator: %1", "集約者の誤った合計：%1件")
    case .otherMasked: ("nodes that masked another update than they submitted: %1", "提出と異なる更新をマスクしたノード：%1件")
    // Accounts
    case .account: ("Account", "アカウント")
    case .accountTitle: ("Account %1", "アカウント %1")
    case .unspent: ("Unspent", "利用可能")
    case .locked: ("Locked", "ロック中")
    case .payout: ("Paid out", "支払い累計")
    case .balancesNote:
      (
        "Unspent can be spent on jobs and deposits. Locked is bound in running jobs and bonds. Paid out is all that was ever granted for withdrawal.",
        "「利用可能」はジョブや保証金に使えます。「ロック中」は実行中のジョブや供託に拘束されています。「支払い累計」はこれまでに引き出しを認められた総額です。"
      )
    case .workTitle: ("Work as a node", "ノードとしての仕事")
    case .workCaption: ("SubJobs that this account took, newest first", "このアカウントが引き受けたサブジョブ（新しい順）")
    case .verifierTitle: ("Work as a verifier", "検証者としての仕事")
    case .standing: ("Standing", "状況")
    case .canBeDrawn: ("can be drawn", "抽選の対象")
    case .struck: ("lost its bond", "供託を没収")
    case .bond: ("Bond", "供託")
    case .commitments: ("Commitments", "コミットメント")
    case .unusedOf: ("%1 of %2 unused", "%2件中 %1件が未使用")
    case .bindingUntil: ("Key binding until", "鍵の結び付けの期限")
    case .verifierNote: ("Fees for verdicts are part of what was paid out.", "判定の手数料は「支払い累計」に含まれます。")
    case .tickets: ("Tickets", "チケット")
    case .ticketsNote:
      (
        "A ticket states what an account has at the end of an epoch, signed by the network's Signer. The newest one counts.",
        "チケットは、エポック終了時のアカウントの残高をネットワークの署名者が証明したものです。最新のものが有効です。"
      )
    case .ticketsCaption: ("Tickets of this account, newest first", "このアカウントのチケット（新しい順）")
    case .noTickets: ("There are no tickets yet.", "チケットはまだありません。")
    case .jobsOfAccount: ("Jobs it asked for", "依頼したジョブ")
    case .allJobsOfAccount: ("All jobs of this account", "このアカウントのすべてのジョブ")
    case .showAndCheck: ("show and check", "表示・検証")
    // Batches and tickets
    case .batch: ("Batch", "バッチ")
    case .ticket: ("Ticket", "チケット")
    case .batchTitle: ("Batch of epoch %1", "エポック %1 のバッチ")
    case .ticketTitle: ("Ticket of %1, epoch %2", "%1 のチケット（エポック %2）")
    case .ticketLead:
      (
        "What this account had at the end of the epoch, as the network's Signer states it.",
        "エポック終了時にこのアカウントが持っていた残高を、ネットワークの署名者が証明したものです。"
      )
    case .batchesLead:
      (
        "Each batch states what every account has, and names the one before: one chain, in which nothing can be changed unseen.",
        "各バッチは全アカウントの残高を示し、直前のバッチを指します。この一本の鎖は、気付かれずに書き換えることができません。"
      )
    case .batchesCaption: ("Batches, newest first", "バッチ（新しい順）")
    case .noBatches: ("No epoch has been closed yet.", "エポックはまだ締め切られていません。")
    case .epoch: ("Epoch", "エポック")
    case .closed: ("Closed", "締め切り")
    case .began: ("Began", "開始")
    case .totalGranted: ("Paid out in all", "支払い総額")
    case .totalBurned: ("Burned in all", "焼却総額")
    case .digest: ("Digest", "ダイジェスト")
    case .depositsSeen: ("L1 deposits credited", "反映済みのL1入金")
    case .signer: ("Signer", "署名者")
    case .accountsRoot: ("Root of accounts", "アカウントのルート")
    case .previousBatch: ("Batch before", "直前のバッチ")
    case .dataHash: ("Hash of the leaves' file", "葉ファイルのハッシュ")
    case .jobsRoot: ("Root of settled jobs", "精算済みジョブのルート")
    case .leaves: ("Accounts in this batch", "このバッチのアカウント")
    case .leavesNote:
      ("The newest ticket of every account is a leaf of the batch's tree.", "各アカウントの最新のチケットが、バッチの木の葉になります。")
    case .leavesCaption: ("Newest ticket of each account", "各アカウントの最新のチケット")
    case .signedBatch: ("The signed batch (JSON)", "署名済みバッチ（JSON）")
    case .batchBefore: ("The batch before (JSON)", "直前のバッチ（JSON）")
    case .signedTicket: ("The signed ticket (JSON)", "署名済みチケット（JSON）")
    case .ticketWithProof: ("The ticket with its proof in the batch (JSON)", "バッチ内の証明付きチケット（JSON）")
    case .documentNote:
      (
        "Saved to a file, `emeth verify FILE` checks it on your own machine.",
        "ファイルに保存すれば、`emeth verify FILE` で手元の計算機でも検証できます。"
      )
    case .provenElsewhere:
      (
        "What this account had at the end of a later epoch, with its proof in that batch: `emeth fetch-ticket` checks it too.",
        "このアカウントのその後のエポックにおける残高と、そのバッチ内の証明です。`emeth fetch-ticket` で検証もできます。"
      )
    case .provenInNewest: ("In the newest batch (JSON)", "最新のバッチ内（JSON）")
    case .provenInPosted: ("In the newest batch on the chain (JSON)", "チェーン上の最新のバッチ内（JSON）")
    // Checking
    case .check: ("Check it", "検証する")
    case .checkNote:
      (
        "The signatures and hashes below can be checked by anyone. The script that does it comes from this server too; who trusts nobody uses `emeth verify`.",
        "以下の署名とハッシュは誰でも検証できます。検証スクリプトもこのサーバーから届きます。誰も信頼しない場合は `emeth verify` を使ってください。"
      )
    case .verify: ("Verify", "検証")
    case .serverWillCheck:
      ("Without JavaScript, this server checks for you.", "JavaScriptなしの場合は、このサーバーが代わりに検証します。")
    case .holds: ("holds", "一致")
    case .doesNotHold: ("does not hold", "不一致")
    case .allHoldHere: ("Checked in this page: everything holds.", "このページ内で検証しました。すべて一致します。")
    case .someFailHere: ("Checked in this page: something does not hold.", "このページ内で検証しました。一致しない項目があります。")
    case .allHoldServer: ("Checked by this server: everything holds.", "このサーバーが検証しました。すべて一致します。")
    case .someFailServer: ("Checked by this server: something does not hold.", "このサーバーが検証しました。一致しない項目があります。")
    case .stepTicketDigest:
      (
        "The ticket's digest follows from its values (EIP-712, Keccak-256)",
        "チケットのダイジェストが値から導かれる（EIP-712、Keccak-256）"
      )
    case .stepTicketSigner:
      (
        "The ticket's signature is that of the network's Signer (secp256k1)",
        "チケットの署名がネットワークの署名者のものである（secp256k1）"
      )
    case .stepBatchDigest:
      (
        "The batch's digest follows from its values (EIP-712, Keccak-256)",
        "バッチのダイジェストが値から導かれる（EIP-712、Keccak-256）"
      )
    case .stepBatchSigner:
      (
        "The batch's signature is that of the network's Signer (secp256k1)",
        "バッチの署名がネットワークの署名者のものである（secp256k1）"
      )
    case .stepTicketInBatch:
      ("The ticket is a leaf under the batch's root (Merkle proof)", "チケットがバッチのルート配下の葉である（マークル証明）")
    case .stepBatchBefore: ("The batch names the digest of the one before it", "バッチが直前のバッチのダイジェストを指している")
    case .stepNothingFell: ("The epoch is the next, and no total fell", "エポックが連続し、合計が減っていない")
    // Errors
    case .notFoundTitle: ("Not found", "見つかりません")
    case .notFoundText: ("There is nothing of this name here.", "この名前のものはありません。")
    case .badRequestTitle: ("This can't be read", "読み取れません")
    case .badRequestText: ("The address asks for something that there can't be.", "アドレスの内容が正しくありません。")
    case .tooManyTitle: ("Too many requests", "リクエストが多すぎます")
    case .tooManyText: ("Wait a little and try again.", "少し待ってから再度お試しください。")
    case .failedTitle: ("The server failed", "サーバーの障害")
    case .failedText: ("The server could not do this; its log says why.", "処理できませんでした。理由はサーバーのログに残っています。")
    case .backToNetwork: ("To the network", "ネットワークへ")
    // Statuses
    case .requested: ("waiting", "待機中")
    case .processing: ("running", "実行中")
    case .submitted: ("submitted", "提出済み")
    case .verified: ("verified", "検証済み")
    case .canceled: ("canceled", "取り消し")
    case .timeout: ("timed out", "時間切れ")
    case .failed: ("failed", "不合格")
    case .declined: ("declined", "辞退")
    // Ends
    case .endAccepted: ("the drawn verifier replayed its segments and accepted", "抽選された検証者が区間を再実行し、合格としました")
    case .endProved: ("the result proved itself", "結果がそれ自体で証明されました")
    case .endVerifiersSilent:
      (
        "two drawn verifiers stayed silent, so the node is paid and no verifier is",
        "抽選された検証者が2人続けて応答せず、ノードにのみ支払われました"
      )
    case .endNobodyToCheck:
      ("nobody was there to check it, so nobody pays and nobody loses", "検査できる検証者がいなかったため、支払いも没収もありません")
    case .endCanceledByRequester: ("the requester took it back before anyone computed", "計算が始まる前に依頼者が取り消しました")
    case .endParentEnded: ("the job that it is a part of ended first", "親のジョブが先に終了しました")
    case .endNobodyTookIt: ("the deadline passed before any node took it", "引き受けるノードがないまま期限が過ぎました")
    case .endDeadlineReached: ("the node had not submitted at the deadline", "ノードが期限までに提出しませんでした")
    case .endLeaseLapsed: ("the node stopped renewing its lease", "ノードがリースを更新しませんでした")
    case .endAbsentFromCohort:
      (
        "the node's keys or masked vector were missing at the cohort's deadline",
        "コホートの期限に、ノードの鍵またはマスク付きベクトルがありませんでした"
      )
    case .endDeclined: ("the node gave up", "ノードが辞退しました")
    case .endDeclinedWithEvidence:
      ("the node showed that what it was given can't be used", "渡されたデータが使えないことをノードが示しました")
    case .endRejected: ("the replay ended in other bytes than the node committed to", "再実行の結果が、ノードの確約と異なりました")
    case .endOpeningsWithheld:
      ("the node did not open its segments to the verifier in time", "ノードが期限までに区間を検証者へ開示しませんでした")
    case .endRoundsComplete: ("every round's sum checked", "すべてのラウンドの合計が確認されました")
    case .endAttemptsUsedUp:
      ("a SubJob ended without a result at its last attempt", "最後の試行でも結果が得られないサブジョブがありました")
    }
  }
}
